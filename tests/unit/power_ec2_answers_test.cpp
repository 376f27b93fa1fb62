// EC2's answers: as the API Reference documents them, as the emulator moto 5.2.4 writes them (its
// own bytes, broken into lines between elements, which pugixml skips), and as nobody should.
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/power/ec2_answers.h"

namespace sluice::power::ec2 {
namespace {

using Tags = std::vector<std::pair<std::string, std::string>>;
using Ids = std::vector<std::string>;

const std::string kXml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const std::string kNs = " xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"";

Result<Fleet> fleet(std::string xml) {
  return read_fleet(&xml);
}
Result<Page> page(std::string xml) {
  return read_instances(&xml);
}
Result<std::vector<StateChange>> terminating(std::string xml) {
  return read_terminating(&xml);
}

template <class T>
std::string error_of(const Result<T>& got) {
  return got ? "no error" : got.error().what;
}

std::string fleet_of(const std::string& inner) {
  return "<CreateFleetResponse" + kNs + "><fleetId>fleet-1</fleetId>" + inner +
         "</CreateFleetResponse>";
}
std::string page_of(const std::string& items) {
  return "<DescribeInstancesResponse" + kNs + "><reservationSet><item><instancesSet>" + items +
         "</instancesSet></item></reservationSet></DescribeInstancesResponse>";
}
Instance instance(const std::string& fields) {
  auto got = page(page_of("<item><instanceId>i-1</instanceId>" + fields + "</item>"));
  EXPECT_TRUE(got && got->instances.size() == 1) << error_of(got);
  return got && got->instances.size() == 1 ? got->instances[0] : Instance{};
}

TEST(Ec2Fleet, SomeInstancesAndSomeErrors) {
  auto got = fleet(kXml + "<CreateFleetResponse" + kNs + R"(>
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
    <fleetId>fleet-12a34b55-67cd-8ef9-ba9b-9208dEXAMPLE</fleetId>
    <errorSet>
        <item>
            <errorCode>InsufficientInstanceCapacity</errorCode>
            <errorMessage>We currently do not have sufficient c7i.2xlarge capacity in the
Availability Zone you requested (eu-central-1b).</errorMessage>
            <launchTemplateAndOverrides>
                <launchTemplateSpecification>
                    <launchTemplateId>lt-0b</launchTemplateId>
                    <version>7</version>
                </launchTemplateSpecification>
                <overrides>
                    <instanceType>c7i.2xlarge</instanceType>
                    <subnetId>subnet-0b</subnetId>
                    <availabilityZone>eu-central-1b</availabilityZone>
                </overrides>
            </launchTemplateAndOverrides>
            <lifecycle>spot</lifecycle>
        </item>
        <item>
            <errorCode>UnfulfillableCapacity</errorCode>
            <lifecycle>on-demand</lifecycle>
        </item>
    </errorSet>
    <fleetInstanceSet>
        <item>
            <instanceIds>
                <item>i-5678901234567890a</item>
                <item>i-5678901234567890b</item>
            </instanceIds>
            <instanceType>c7i.xlarge</instanceType>
            <launchTemplateAndOverrides>
                <overrides>
                    <instanceType>c5.large</instanceType>
                    <subnetId>subnet-0a</subnetId>
                    <availabilityZone>eu-central-1a</availabilityZone>
                </overrides>
            </launchTemplateAndOverrides>
            <lifecycle>on-demand</lifecycle>
        </item>
        <item>
            <availabilityZone>eu-central-1c</availabilityZone>
            <instanceIds><item>i-01</item></instanceIds>
            <instanceType>m7a.large</instanceType>
            <lifecycle>spot</lifecycle>
            <subnetId>subnet-0c</subnetId>
        </item>
        <item><instanceIds/><lifecycle>spot</lifecycle></item>
    </fleetInstanceSet>
</CreateFleetResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  EXPECT_EQ(got->id, "fleet-12a34b55-67cd-8ef9-ba9b-9208dEXAMPLE");
  ASSERT_EQ(got->instances.size(), 2u);
  EXPECT_EQ(got->instances[0].ids, (Ids{"i-5678901234567890a", "i-5678901234567890b"}));
  EXPECT_EQ(got->instances[0].instance_type, "c7i.xlarge");
  EXPECT_EQ(got->instances[0].subnet, "subnet-0a");
  EXPECT_EQ(got->instances[0].zone, "eu-central-1a");
  EXPECT_FALSE(got->instances[0].spot);
  EXPECT_EQ(got->instances[1].ids, Ids{"i-01"});
  EXPECT_EQ(got->instances[1].subnet, "subnet-0c");
  EXPECT_EQ(got->instances[1].zone, "eu-central-1c");
  EXPECT_TRUE(got->instances[1].spot);
  ASSERT_EQ(got->errors.size(), 2u);
  EXPECT_EQ(got->errors[0].code, "InsufficientInstanceCapacity");
  EXPECT_TRUE(got->errors[0].message.contains("capacity in the\\x0aAvailability"));
  EXPECT_EQ(got->errors[0].instance_type, "c7i.2xlarge");
  EXPECT_EQ(got->errors[0].subnet, "subnet-0b");
  EXPECT_EQ(got->errors[0].zone, "eu-central-1b");
  EXPECT_TRUE(got->errors[0].spot);
  EXPECT_EQ(got->errors[1].code, "UnfulfillableCapacity");
  EXPECT_FALSE(got->errors[1].spot);
}

TEST(Ec2Fleet, AsTheEmulatorWritesIt) {
  auto got = fleet(R"(<?xml version="1.0" encoding="utf-8"?>
<CreateFleetResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">
<fleetId>fleet-77814ed2-f015-5e9c-948d-5333ae88621e</fleetId><fleetInstanceSet><item>
<launchTemplateAndOverrides><launchTemplateSpecification>
<launchTemplateId>lt-3afbacb516aba2357</launchTemplateId>
<launchTemplateName>tmpl</launchTemplateName><version>1</version></launchTemplateSpecification>
<overrides><instanceType>c6i.large</instanceType><subnetId>subnet-a34ad28b66ee17f10</subnetId>
<availabilityZone>eu-central-1a</availabilityZone></overrides></launchTemplateAndOverrides>
<lifecycle>on-demand</lifecycle><instanceIds><item>i-24c1bcf2d9239c8a5</item></instanceIds>
<instanceType>c6i.large</instanceType></item><item><launchTemplateAndOverrides>
<launchTemplateSpecification><launchTemplateId>lt-3afbacb516aba2357</launchTemplateId>
<launchTemplateName>tmpl</launchTemplateName><version>1</version></launchTemplateSpecification>
<overrides><instanceType>c6i.large</instanceType><subnetId>subnet-a34ad28b66ee17f10</subnetId>
<availabilityZone>eu-central-1a</availabilityZone></overrides></launchTemplateAndOverrides>
<lifecycle>on-demand</lifecycle><instanceIds><item>i-599f7600689d6fcbc</item></instanceIds>
<instanceType>c6i.large</instanceType></item></fleetInstanceSet>
<requestId>request-id</requestId></CreateFleetResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  EXPECT_EQ(got->id, "fleet-77814ed2-f015-5e9c-948d-5333ae88621e");
  ASSERT_EQ(got->instances.size(), 2u);  // one an item
  EXPECT_EQ(got->instances[0].ids, Ids{"i-24c1bcf2d9239c8a5"});
  EXPECT_EQ(got->instances[1].ids, Ids{"i-599f7600689d6fcbc"});
  EXPECT_EQ(got->instances[1].instance_type, "c6i.large");
  EXPECT_EQ(got->instances[1].subnet, "subnet-a34ad28b66ee17f10");
  EXPECT_EQ(got->instances[1].zone, "eu-central-1a");
  EXPECT_FALSE(got->instances[1].spot);
}

TEST(Ec2Fleet, NoInstances) {
  for (const char* inner : {"", "<fleetInstanceSet/><errorSet/>"}) {
    auto got = fleet(fleet_of(inner));
    ASSERT_TRUE(got) << error_of(got);
    EXPECT_TRUE(got->instances.empty() && got->errors.empty());
  }
}

TEST(Ec2Fleet, StrangeTextsAreLeftEmptyOrCut) {
  auto got = fleet(
      fleet_of("<errorSet><item><errorCode>a b</errorCode><errorMessage>\x1b[31m\xff" +
               std::string(5000, 'x') + "</errorMessage><launchTemplateAndOverrides><overrides>" +
               "<instanceType>" + std::string(129, 'c') + "</instanceType><subnetId>'; --" +
               "</subnetId></overrides></launchTemplateAndOverrides></item></errorSet>"));
  ASSERT_TRUE(got && got->errors.size() == 1) << error_of(got);
  EXPECT_EQ(got->errors[0].code, "");
  EXPECT_TRUE(got->errors[0].message.starts_with("\\x1b[31m\xEF\xBF\xBDxxx"));
  EXPECT_LE(got->errors[0].message.size(), 310u);
  EXPECT_EQ(got->errors[0].instance_type, "");
  EXPECT_EQ(got->errors[0].subnet, "");
}

TEST(Ec2Fleet, IdsMustBeIds) {
  auto with = [](const std::string& id) {
    return error_of(fleet(fleet_of("<fleetInstanceSet><item><instanceIds><item>" + id +
                                   "</item></instanceIds></item></fleetInstanceSet>")));
  };
  EXPECT_EQ(with("i-" + std::string(30, '0')), "no error");
  EXPECT_EQ(with(""), "CreateFleet: the answer has an instance without an id");
  EXPECT_EQ(with("<b/>"), "CreateFleet: the answer has an instance without an id");
  for (const char* id : {"i-", "i-0A", "j-0a", "0a", " i-0a", "i-0a ", "i-0a/../b", "i-ä"})
    EXPECT_TRUE(with(id).starts_with("CreateFleet: the answer has an instance whose id is none: "))
        << id;
  EXPECT_LE(with("i-" + std::string(100000, '0')).size(), 200u);
  EXPECT_NE(with("i-" + std::string(31, '0')), "no error");

  EXPECT_EQ(error_of(fleet(fleet_of("<fleetInstanceSet><item/></fleetInstanceSet>"))),
            "CreateFleet: the answer has instances without ids");
  EXPECT_EQ(error_of(fleet("<CreateFleetResponse/>")), "CreateFleet: the answer has no fleet id");
  EXPECT_EQ(error_of(fleet("<CreateFleetResponse><fleetId>a b</fleetId></CreateFleetResponse>")),
            "CreateFleet: the answer has no fleet id");
}

TEST(Ec2Instances, OneOfEachKind) {
  auto got = page(kXml + "<DescribeInstancesResponse" + kNs + R"(>
    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
    <reservationSet>
        <item>
            <reservationId>r-1234567890abcdef0</reservationId>
            <ownerId>123456789012</ownerId>
            <groupSet/>
            <instancesSet>
                <item>
                    <instanceId>i-1234567890abcdef0</instanceId>
                    <imageId>ami-bff32ccc</imageId>
                    <instanceState>
                        <code>16</code>
                        <name>running</name>
                    </instanceState>
                    <privateDnsName>ip-192-168-1-88.eu-west-1.compute.internal</privateDnsName>
                    <dnsName>ec2-54-194-252-215.eu-west-1.compute.amazonaws.com</dnsName>
                    <reason/>
                    <keyName>my_keypair</keyName>
                    <amiLaunchIndex>0</amiLaunchIndex>
                    <productCodes/>
                    <instanceType>c7i.2xlarge</instanceType>
                    <launchTime>2026-03-01T12:00:00.000Z</launchTime>
                    <placement>
                        <availabilityZone>eu-west-1c</availabilityZone>
                        <groupName/>
                        <tenancy>default</tenancy>
                    </placement>
                    <subnetId>subnet-56f5f633</subnetId>
                    <vpcId>vpc-11112222</vpcId>
                    <privateIpAddress>192.168.1.88</privateIpAddress>
                    <ipAddress>54.194.252.215</ipAddress>
                    <networkInterfaceSet>
                        <item>
                            <subnetId>subnet-other</subnetId>
                            <privateIpAddress>10.9.9.9</privateIpAddress>
                            <tagSet><item><key>inner</key><value>x</value></item></tagSet>
                        </item>
                    </networkInterfaceSet>
                    <tagSet>
                        <item><key>Name</key><value>a &amp; b &lt;Gr&#xfc;&#223;e&gt;</value></item>
                        <item><key>sluice:node</key><value/></item>
                    </tagSet>
                    <instanceLifecycle>spot</instanceLifecycle>
                </item>
                <item>
                    <instanceId>i-2</instanceId>
                    <instanceState><code>48</code><name>terminated</name></instanceState>
                    <privateDnsName/>
                    <reason>User initiated (2026-03-01 12:00:00 GMT)</reason>
                    <instanceLifecycle>capacity-block</instanceLifecycle>
                    <stateReason>
                        <code>Client.UserInitiatedShutdown</code>
                        <message>Client.UserInitiatedShutdown: User initiated shutdown</message>
                    </stateReason>
                </item>
            </instancesSet>
        </item>
        <item>
            <reservationId>r-2</reservationId>
            <instancesSet>
                <item>
                    <instanceId>i-3</instanceId>
                    <ipv6Address>2001:db8::17</ipv6Address>
                </item>
            </instancesSet>
        </item>
    </reservationSet>
    <nextToken>eyJ2IjoiMiJ9/+==</nextToken>
</DescribeInstancesResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  ASSERT_EQ(got->instances.size(), 3u);
  EXPECT_EQ(got->next_token, "eyJ2IjoiMiJ9/+==");
  const Instance& a = got->instances[0];
  EXPECT_EQ(a.id, "i-1234567890abcdef0");
  EXPECT_EQ(a.address, "192.168.1.88");
  EXPECT_EQ(a.private_dns, "ip-192-168-1-88.eu-west-1.compute.internal");
  EXPECT_EQ(a.instance_type, "c7i.2xlarge");
  EXPECT_EQ(a.zone, "eu-west-1c");
  EXPECT_EQ(a.subnet, "subnet-56f5f633");
  EXPECT_EQ(a.state, "running");
  EXPECT_TRUE(a.spot);
  EXPECT_EQ(a.launch_time_us, 1'772'366'400'000'000);
  EXPECT_EQ(a.reason_code, "");
  EXPECT_EQ(a.tags, (Tags{{"Name", "a & b <Grüße>"}, {"sluice:node", ""}}));
  const Instance& b = got->instances[1];
  EXPECT_EQ(b.state, "terminated");
  EXPECT_EQ(b.reason_code, "Client.UserInitiatedShutdown");
  EXPECT_EQ(b.address + b.private_dns + b.zone, "");
  EXPECT_FALSE(b.spot);
  EXPECT_EQ(b.launch_time_us, -1);
  EXPECT_EQ(got->instances[2].address, "2001:db8::17");
}

TEST(Ec2Instances, AsTheEmulatorWritesThem) {
  auto got = page(R"(<?xml version="1.0" encoding="utf-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">
<reservationSet><item><reservationId>r-d391dd3514d3fe053</reservationId>
<ownerId>123456789012</ownerId><groupSet/><instancesSet><item>
<architecture>x86_64</architecture><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName>
<ebs><attachTime>2026-11-21T16:29:07.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination><status>attached</status>
<volumeId>vol-bb18647195310a9ca</volumeId></ebs></item></blockDeviceMapping>
<ebsOptimized>false</ebsOptimized><hypervisor>xen</hypervisor>
<instanceLifecycle>spot</instanceLifecycle><networkInterfaceSet><item><association/><attachment>
<attachTime>2026-11-21T16:29:07.000Z</attachTime>
<attachmentId>eni-attach-97dd8dc681df41677</attachmentId>
<deleteOnTermination>false</deleteOnTermination><deviceIndex>0</deviceIndex>
<status>attached</status><networkCardIndex>0</networkCardIndex></attachment>
<description>Primary network interface</description><groupSet><item>
<groupId>sg-c0ad15c63aef863b0</groupId><groupName>default</groupName></item></groupSet>
<ipv6AddressesSet/><macAddress>02:00:00:0d:b8:63</macAddress>
<networkInterfaceId>eni-166c0401f979ef854</networkInterfaceId><ownerId>123456789012</ownerId>
<privateDnsName>ip-172-31-0-6.ec2.internal</privateDnsName>
<privateIpAddress>172.31.0.6</privateIpAddress><privateIpAddressesSet><item>
<primary>true</primary><privateIpAddress>172.31.0.6</privateIpAddress></item>
</privateIpAddressesSet><sourceDestCheck>true</sourceDestCheck><status>in-use</status>
<subnetId>subnet-a34ad28b66ee17f10</subnetId><vpcId>vpc-99c25de37e5026c2e</vpcId>
<interfaceType>interface</interfaceType></item></networkInterfaceSet>
<rootDeviceName>/dev/sda1</rootDeviceName><rootDeviceType>ebs</rootDeviceType><groupSet><item>
<groupId>sg-c0ad15c63aef863b0</groupId><groupName>default</groupName></item></groupSet>
<sourceDestCheck>true</sourceDestCheck><sriovNetSupport>simple</sriovNetSupport><stateReason>
<code/><message/></stateReason><tagSet><item><key>sluice:node</key>
<value>c1 &lt;&amp;&gt;</value></item></tagSet><virtualizationType>hvm</virtualizationType>
<metadataOptions><state>applied</state><httpTokens>optional</httpTokens>
<httpPutResponseHopLimit>1</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>
<httpProtocolIpv6>disabled</httpProtocolIpv6>
<instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>
<instanceId>i-85dc307a0e8ef6d65</instanceId><imageId>ami-03cf127a</imageId><instanceState>
<code>16</code><name>running</name></instanceState>
<privateDnsName>ip-172-31-0-6.ec2.internal</privateDnsName><reason/>
<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>c6i.large</instanceType>
<launchTime>2026-11-21T16:29:07.000Z</launchTime><placement><groupName/>
<tenancy>default</tenancy><availabilityZone>eu-central-1a</availabilityZone></placement>
<platform>windows</platform><monitoring><state>disabled</state></monitoring>
<subnetId>subnet-a34ad28b66ee17f10</subnetId><vpcId>vpc-99c25de37e5026c2e</vpcId>
<privateIpAddress>172.31.0.6</privateIpAddress></item></instancesSet></item></reservationSet>
<requestId>request-id</requestId></DescribeInstancesResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  ASSERT_EQ(got->instances.size(), 1u);
  const Instance& i = got->instances[0];
  EXPECT_EQ(i.id, "i-85dc307a0e8ef6d65");
  EXPECT_EQ(i.address, "172.31.0.6");
  EXPECT_EQ(i.private_dns, "ip-172-31-0-6.ec2.internal");
  EXPECT_EQ(i.instance_type, "c6i.large");
  EXPECT_EQ(i.zone, "eu-central-1a");
  EXPECT_EQ(i.subnet, "subnet-a34ad28b66ee17f10");
  EXPECT_EQ(i.state, "running");
  EXPECT_TRUE(i.spot);
  EXPECT_EQ(clock::rfc3339(i.launch_time_us), "2026-11-21T16:29:07.000000Z");
  EXPECT_EQ(i.reason_code, "");
  EXPECT_EQ(i.tags, (Tags{{"sluice:node", "c1 <&>"}}));
}

TEST(Ec2Instances, None) {
  auto got = page(kXml + "<DescribeInstancesResponse" + kNs +
                  "><requestId>1</requestId><reservationSet/></DescribeInstancesResponse>");
  ASSERT_TRUE(got) << error_of(got);
  EXPECT_TRUE(got->instances.empty());
  EXPECT_EQ(got->next_token, "");
}

TEST(Ec2Instances, AddressesMustBeAddresses) {
  for (const char* text : {"10.0.0.256", "10.0.0.1 ", "10.1", "host", "2001:db8::17", "::g", "",
                           "10.0.0.1&#10;evil", "0x0a000001"})
    EXPECT_EQ(instance("<privateIpAddress>" + std::string(text) + "</privateIpAddress>").address,
              "")
        << text;
  EXPECT_EQ(instance("<ipv6Address>10.0.0.1</ipv6Address>").address, "");
  EXPECT_EQ(instance("<privateIpAddress>" + std::string(1 << 20, '1') +
                     "</privateIpAddress><ipv6Address>::1</ipv6Address>")
                .address,
            "::1");
}

TEST(Ec2Instances, StrangeTextsAreLeftEmpty) {
  Instance got = instance(
      "<instanceState><name>run ning</name></instanceState><instanceType>c&#0;d</instanceType>"
      "<privateDnsName>a&#10;b</privateDnsName><launchTime>yesterday</launchTime>"
      "<subnetId><x>subnet-1</x></subnetId><placement>eu-central-1a</placement>"
      "<stateReason><code>$(reboot)</code></stateReason><tagSet><item/>"
      "<item><value>v</value></item><item><key>k\xff</key><value>\xC3(</value></item><item><key>" +
      std::string(513, 'k') + "</key></item><item><key>long</key><value>" + std::string(1025, 'v') +
      "</value></item></tagSet>");
  EXPECT_EQ(got.state + got.private_dns + got.subnet + got.zone + got.reason_code, "");
  EXPECT_EQ(got.instance_type, "c");
  EXPECT_EQ(got.launch_time_us, -1);
  EXPECT_EQ(got.tags, (Tags{{"k\xEF\xBF\xBD", "\xEF\xBF\xBD("}}));
  EXPECT_EQ(instance("<launchTime>0001-01-01T00:00:00Z</launchTime>").launch_time_us, -1);
}

TEST(Ec2Instances, NothingIsTakenForGone) {
  EXPECT_EQ(error_of(page("<DescribeInstancesResponse/>")),
            "DescribeInstances: the answer has no reservationSet");
  EXPECT_EQ(error_of(page("<DescribeInstancesResponse><reservationSet><item/></reservationSet>"
                          "</DescribeInstancesResponse>")),
            "DescribeInstances: the answer has a reservation without instancesSet");
  EXPECT_EQ(error_of(page(page_of("<item><imageId>ami-1</imageId></item>"))),
            "DescribeInstances: the answer has an instance without an id");
  EXPECT_EQ(error_of(page(page_of("<item><instanceId>vm\x07</instanceId></item>"))),
            "DescribeInstances: the answer has an instance whose id is none: vm\\x07");
  EXPECT_EQ(error_of(page("<DescribeInstancesResponse><reservationSet/><nextToken>" +
                          std::string(5000, 'a') + "</nextToken></DescribeInstancesResponse>")),
            "DescribeInstances: the answer's next token has 5000 bytes");
}

TEST(Ec2Terminating, TwoInstances) {
  auto got = terminating(kXml + "<TerminateInstancesResponse" + kNs + R"(>
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
    <instancesSet>
        <item>
            <instanceId>i-1234567890abcdef0</instanceId>
            <currentState><code>32</code><name>shutting-down</name></currentState>
            <previousState><code>16</code><name>running</name></previousState>
        </item>
        <item><instanceId>i-2</instanceId></item>
    </instancesSet>
</TerminateInstancesResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  ASSERT_EQ(got->size(), 2u);
  EXPECT_EQ((*got)[0].id, "i-1234567890abcdef0");
  EXPECT_EQ((*got)[0].from, "running");
  EXPECT_EQ((*got)[0].to, "shutting-down");
  EXPECT_EQ((*got)[1].id, "i-2");
  EXPECT_EQ((*got)[1].from + (*got)[1].to, "");
}

TEST(Ec2Terminating, AsTheEmulatorWritesThem) {
  auto got = terminating(R"(<?xml version="1.0" encoding="utf-8"?>
<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">
<instancesSet><item><instanceId>i-24c1bcf2d9239c8a5</instanceId><currentState><code>32</code>
<name>shutting-down</name></currentState><previousState><code>16</code><name>running</name>
</previousState></item><item><instanceId>i-599f7600689d6fcbc</instanceId><currentState>
<code>32</code><name>shutting-down</name></currentState><previousState><code>16</code>
<name>running</name></previousState></item><item><instanceId>i-85dc307a0e8ef6d65</instanceId>
<currentState><code>32</code><name>shutting-down</name></currentState><previousState>
<code>16</code><name>running</name></previousState></item></instancesSet>
<requestId>request-id</requestId></TerminateInstancesResponse>)");
  ASSERT_TRUE(got) << error_of(got);
  ASSERT_EQ(got->size(), 3u);
  EXPECT_EQ((*got)[2].id, "i-85dc307a0e8ef6d65");
  EXPECT_EQ((*got)[2].from, "running");
  EXPECT_EQ((*got)[2].to, "shutting-down");
}

TEST(Ec2Terminating, Malformed) {
  EXPECT_EQ(error_of(terminating("<TerminateInstancesResponse/>")),
            "TerminateInstances: the answer has no instancesSet");
  EXPECT_EQ(error_of(terminating("<TerminateInstancesResponse><instancesSet><item/>"
                                 "</instancesSet></TerminateInstancesResponse>")),
            "TerminateInstances: the answer has an instance without an id");
}

TEST(Ec2Answers, AnotherRoot) {
  EXPECT_EQ(error_of(fleet("<html><body>502 Bad Gateway</body></html>")),
            "CreateFleet: the answer is no CreateFleetResponse, but html");
  EXPECT_EQ(error_of(page(fleet_of(""))),
            "DescribeInstances: the answer is no DescribeInstancesResponse, but "
            "CreateFleetResponse");
  EXPECT_LE(error_of(fleet("<" + std::string(1 << 20, 'a') + "/>")).size(), 200u);
  EXPECT_EQ(error_of(fleet(fleet_of("") + "<again/>")),
            "CreateFleet: the answer has more than one root element");
}

TEST(Ec2Answers, DocumentTypes) {
  for (const char* type :
       {"<!DOCTYPE CreateFleetResponse>",
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>",
        "<!DOCTYPE r SYSTEM \"file:///etc/passwd\">"})
    EXPECT_EQ(error_of(fleet(kXml + type + fleet_of(""))),
              "CreateFleet: the answer declares a document type, which EC2's never do");
}

// Whatever an answer is cut to is an error, but for white space at its end.
TEST(Ec2Answers, CutShort) {
  const std::string whole = kXml + page_of(
                                       "<item><instanceId>i-1</instanceId><tagSet><item><key>"
                                       "&lt;</key><value><![CDATA[v]]></value></item></tagSet>"
                                       "</item>");
  ASSERT_TRUE(page(whole)) << error_of(page(whole));
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_TRUE(
        error_of(page(whole.substr(0, n))).starts_with("DescribeInstances: the answer is no XML: "))
        << n;
}

TEST(Ec2Answers, Bytes) {
  for (const std::string& xml :
       {std::string(), std::string(" \n"), std::string(100, '\0'), std::string("\xff\xfe<\0a\0", 6),
        std::string("{\"message\":null}"), std::string("<CreateFleetResponse>\0</Create", 30)})
    EXPECT_TRUE(error_of(fleet(xml)).starts_with("CreateFleet: the answer is no XML: "));
}

TEST(Ec2Answers, AbsurdDepth) {
  constexpr size_t kDepth = 300'000;
  std::string deep;
  for (size_t i = 0; i < kDepth; ++i) deep += "<a>";
  EXPECT_FALSE(page(page_of(deep)));  // never closed
  for (size_t i = 0; i < kDepth; ++i) deep += "</a>";
  Instance got = instance("<tagSet>" + deep + "</tagSet>" + deep +
                          "<privateIpAddress>10.0.0.1</privateIpAddress>");
  EXPECT_EQ(got.address, "10.0.0.1");
}

}  // namespace
}  // namespace sluice::power::ec2
